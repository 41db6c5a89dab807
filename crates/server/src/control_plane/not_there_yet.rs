//! The operations that Gatepost does not have yet, so that each is refused by its name and none
//! looks like a success.

use http::Method;

use super::rescue::ControlPlaneError;

const CHANGE: &str = "its APIs come from templates; change the template, and it is deployed again";
const READ: &str = "nothing in Gatepost depends on it; call it on AWS, or leave it out";

/// The error for what is no read of `/v2/…`.
pub(super) fn refuse(method: &Method, segments: &[&str]) -> ControlPlaneError {
    let operation = match segments {
        ["v2", resource @ ..] => operation(method.as_str(), resource).map(str::to_owned),
        // `apigateway` of 2015-07-09.
        [
            "account" | "apikeys" | "clientcertificates" | "restapis" | "usageplans",
            ..,
        ] => Some(operation_v1(method.as_str(), segments).map_or_else(
            || format!("{method} /{} of the REST API control plane", segments[0]),
            str::to_owned,
        )),
        _ => None,
    };
    let mend = if method == Method::GET { READ } else { CHANGE };
    operation.map_or(ControlPlaneError::UnknownOperation, |operation| {
        ControlPlaneError::NotThereYet { operation, mend }
    })
}

/// The error for a path under `/v2/` that nothing here reads.
pub(super) fn refuse_read(resource: &[&str]) -> ControlPlaneError {
    operation("GET", resource).map_or(ControlPlaneError::UnknownOperation, |operation| {
        ControlPlaneError::NotThereYet {
            operation: operation.to_owned(),
            mend: READ,
        }
    })
}

/// The operation's name, by method and path, of what WebSocket APIs use of `apigateway`.
fn operation_v1(method: &str, resource: &[&str]) -> Option<&'static str> {
    let name = match (method, resource) {
        ("PATCH", ["account"]) => "UpdateAccount",
        ("POST", ["apikeys"]) => "CreateApiKey",
        ("PATCH", ["apikeys", _]) => "UpdateApiKey",
        ("DELETE", ["apikeys", _]) => "DeleteApiKey",
        ("GET", ["clientcertificates"]) => "GetClientCertificates",
        ("POST", ["clientcertificates"]) => "GenerateClientCertificate",
        ("GET", ["clientcertificates", _]) => "GetClientCertificate",
        ("PATCH", ["clientcertificates", _]) => "UpdateClientCertificate",
        ("DELETE", ["clientcertificates", _]) => "DeleteClientCertificate",
        ("POST", ["usageplans"]) => "CreateUsagePlan",
        ("PATCH", ["usageplans", _]) => "UpdateUsagePlan",
        ("DELETE", ["usageplans", _]) => "DeleteUsagePlan",
        ("POST", ["usageplans", _, "keys"]) => "CreateUsagePlanKey",
        ("DELETE", ["usageplans", _, "keys", _]) => "DeleteUsagePlanKey",
        ("PATCH", ["usageplans", _, "keys", _, "usage"]) => "UpdateUsage",
        _ => return None,
    };
    Some(name)
}

/// The operation's name, by method and path under `/v2/`.
fn operation(method: &str, resource: &[&str]) -> Option<&'static str> {
    let name = match (method, resource) {
        ("POST", ["apis"]) => "CreateApi",
        ("PUT", ["apis"]) => "ImportApi",
        ("DELETE", ["apis", _]) => "DeleteApi",
        ("PATCH", ["apis", _]) => "UpdateApi",
        ("PUT", ["apis", _]) => "ReimportApi",
        ("POST", ["apis", _, "authorizers"]) => "CreateAuthorizer",
        ("DELETE", ["apis", _, "authorizers", _]) => "DeleteAuthorizer",
        ("PATCH", ["apis", _, "authorizers", _]) => "UpdateAuthorizer",
        ("DELETE", ["apis", _, "cors"]) => "DeleteCorsConfiguration",
        ("POST", ["apis", _, "deployments"]) => "CreateDeployment",
        ("DELETE", ["apis", _, "deployments", _]) => "DeleteDeployment",
        ("PATCH", ["apis", _, "deployments", _]) => "UpdateDeployment",
        ("GET", ["apis", _, "exports", _]) => "ExportApi",
        ("POST", ["apis", _, "integrations"]) => "CreateIntegration",
        ("DELETE", ["apis", _, "integrations", _]) => "DeleteIntegration",
        ("PATCH", ["apis", _, "integrations", _]) => "UpdateIntegration",
        ("POST", ["apis", _, "integrations", _, "integrationresponses"]) => {
            "CreateIntegrationResponse"
        }
        ("DELETE", ["apis", _, "integrations", _, "integrationresponses", _]) => {
            "DeleteIntegrationResponse"
        }
        ("PATCH", ["apis", _, "integrations", _, "integrationresponses", _]) => {
            "UpdateIntegrationResponse"
        }
        ("POST", ["apis", _, "models"]) => "CreateModel",
        ("DELETE", ["apis", _, "models", _]) => "DeleteModel",
        ("PATCH", ["apis", _, "models", _]) => "UpdateModel",
        ("GET", ["apis", _, "models", _, "template"]) => "GetModelTemplate",
        ("POST", ["apis", _, "routes"]) => "CreateRoute",
        ("DELETE", ["apis", _, "routes", _]) => "DeleteRoute",
        ("PATCH", ["apis", _, "routes", _]) => "UpdateRoute",
        ("DELETE", ["apis", _, "routes", _, "requestparameters", _]) => {
            "DeleteRouteRequestParameter"
        }
        ("POST", ["apis", _, "routes", _, "routeresponses"]) => "CreateRouteResponse",
        ("DELETE", ["apis", _, "routes", _, "routeresponses", _]) => "DeleteRouteResponse",
        ("PATCH", ["apis", _, "routes", _, "routeresponses", _]) => "UpdateRouteResponse",
        ("POST", ["apis", _, "stages"]) => "CreateStage",
        ("DELETE", ["apis", _, "stages", _]) => "DeleteStage",
        ("PATCH", ["apis", _, "stages", _]) => "UpdateStage",
        ("DELETE", ["apis", _, "stages", _, "accesslogsettings"]) => "DeleteAccessLogSettings",
        ("DELETE", ["apis", _, "stages", _, "cache", "authorizers"]) => "ResetAuthorizersCache",
        ("DELETE", ["apis", _, "stages", _, "routesettings", _]) => "DeleteRouteSettings",
        ("POST", ["domainnames"]) => "CreateDomainName",
        ("DELETE", ["domainnames", _]) => "DeleteDomainName",
        ("PATCH", ["domainnames", _]) => "UpdateDomainName",
        ("POST", ["domainnames", _, "apimappings"]) => "CreateApiMapping",
        ("DELETE", ["domainnames", _, "apimappings", _]) => "DeleteApiMapping",
        ("PATCH", ["domainnames", _, "apimappings", _]) => "UpdateApiMapping",
        ("GET", ["domainnames", _, "routingrules"]) => "ListRoutingRules",
        ("POST", ["domainnames", _, "routingrules"]) => "CreateRoutingRule",
        ("DELETE", ["domainnames", _, "routingrules", _]) => "DeleteRoutingRule",
        ("GET", ["domainnames", _, "routingrules", _]) => "GetRoutingRule",
        ("PUT", ["domainnames", _, "routingrules", _]) => "PutRoutingRule",
        ("GET", ["portalproducts"]) => "ListPortalProducts",
        ("POST", ["portalproducts"]) => "CreatePortalProduct",
        ("DELETE", ["portalproducts", _]) => "DeletePortalProduct",
        ("GET", ["portalproducts", _]) => "GetPortalProduct",
        ("PATCH", ["portalproducts", _]) => "UpdatePortalProduct",
        ("GET", ["portalproducts", _, "productpages"]) => "ListProductPages",
        ("POST", ["portalproducts", _, "productpages"]) => "CreateProductPage",
        ("DELETE", ["portalproducts", _, "productpages", _]) => "DeleteProductPage",
        ("GET", ["portalproducts", _, "productpages", _]) => "GetProductPage",
        ("PATCH", ["portalproducts", _, "productpages", _]) => "UpdateProductPage",
        ("GET", ["portalproducts", _, "productrestendpointpages"]) => {
            "ListProductRestEndpointPages"
        }
        ("POST", ["portalproducts", _, "productrestendpointpages"]) => {
            "CreateProductRestEndpointPage"
        }
        ("DELETE", ["portalproducts", _, "productrestendpointpages", _]) => {
            "DeleteProductRestEndpointPage"
        }
        ("GET", ["portalproducts", _, "productrestendpointpages", _]) => {
            "GetProductRestEndpointPage"
        }
        ("PATCH", ["portalproducts", _, "productrestendpointpages", _]) => {
            "UpdateProductRestEndpointPage"
        }
        ("DELETE", ["portalproducts", _, "sharingpolicy"]) => "DeletePortalProductSharingPolicy",
        ("GET", ["portalproducts", _, "sharingpolicy"]) => "GetPortalProductSharingPolicy",
        ("PUT", ["portalproducts", _, "sharingpolicy"]) => "PutPortalProductSharingPolicy",
        ("GET", ["portals"]) => "ListPortals",
        ("POST", ["portals"]) => "CreatePortal",
        ("DELETE", ["portals", _]) => "DeletePortal",
        ("GET", ["portals", _]) => "GetPortal",
        ("PATCH", ["portals", _]) => "UpdatePortal",
        ("POST", ["portals", _, "preview"]) => "PreviewPortal",
        ("DELETE", ["portals", _, "publish"]) => "DisablePortal",
        ("POST", ["portals", _, "publish"]) => "PublishPortal",
        ("DELETE", ["tags", _]) => "UntagResource",
        ("POST", ["tags", _]) => "TagResource",
        ("GET", ["vpclinks"]) => "GetVpcLinks",
        ("POST", ["vpclinks"]) => "CreateVpcLink",
        ("DELETE", ["vpclinks", _]) => "DeleteVpcLink",
        ("GET", ["vpclinks", _]) => "GetVpcLink",
        ("PATCH", ["vpclinks", _]) => "UpdateVpcLink",
        _ => return None,
    };
    Some(name)
}
